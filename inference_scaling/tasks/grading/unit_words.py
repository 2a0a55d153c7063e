r"""Words that name the unit of a number and leave its value as it is: data.

A word is listed in the plural where it has one; `units` knows the singular.

Sources:
  MEASURES: the units of the SI brochure (9th edition, tables 1 to 8) with the
    prefixes in daily use, those of physics and astronomy that it mentions (CGS,
    electronvolts, parsecs), United States customary units (NIST Handbook 44,
    appendix C), currencies, angles, time and data, with their abbreviations.
  COUNT_NOUNS: the nouns that the questions of GSM8K (train and test) and
    MATH500 count: plural words behind "how many" and, where met twice, behind
    a numeral, adjectives between them skipped. Words that are also numbers
    (quarters, dozens), operators (times, squares, logs) or verbs (does) were
    taken out; plurals that do not end in s and what comes in cups or pounds
    of something (water, flour) were added.
  OBJECTS: plurals of what number theory, algebra, counting and geometry count,
    put together for this library. Roots, zeros, pairs, cubes and powers are
    left out: behind a numeral they may be part of its value.
  QUALIFIERS: words that stand beside a unit and change no value.
  SYMBOLS: unit symbols of one letter. They are units only inside \text or
    \mathrm, or in a quotient such as m/s: elsewhere a letter is a variable.
"""

MEASURES = frozenset(
  """
meters metres kilometers kilometres centimeters centimetres millimeters
millimetres micrometers nanometers decimeters decimetres km cm mm nm dm
inches feet foot yards miles mi ft yd yds fathoms furlongs leagues nautical
grams grammes kilograms milligrams micrograms tonnes tons pounds ounces kg kgs
mg lb lbs oz kilos stones carats
liters litres milliliters millilitres centiliters deciliters ml mL dl cl
gallons quarts pints cups tablespoons teaspoons tbsp tsp gal qt pt bushels
barrels
acres hectares ha
seconds minutes hours days weeks months years decades centuries fortnights
milliseconds microseconds nanoseconds sec secs min mins hr hrs yr yrs ms
workdays weekends weekdays
degrees radians rad steradians revolutions rpm deg arcminutes arcseconds
celsius fahrenheit kelvin kelvins
newtons joules kilojoules watts kilowatts megawatts volts amperes amps ohms
coulombs farads hertz kilohertz megahertz pascals kilopascals moles mol
calories kilocalories kcal cal kJ kW kWh kwh Hz kHz MHz GHz Pa kPa atm bar
atmospheres horsepower hp
ergs dynes gauss angstroms parsecs kiloparsecs megaparsecs pc kpc Mpc
electronvolts eV keV MeV GeV
mph kph kmh kmph mps knots
bits bytes kilobytes megabytes gigabytes terabytes kb mb gb tb megabits mbps
dollars cents pennies nickels dimes euros pesos pesetas pfennigs farthings
rupees yen yuan francs shillings pence bucks usd eur gbp
units unit total altogether
""".split()
)

QUALIFIERS = frozenset(
  """
per each every of a an the apiece
square cubic sq cu nautical fluid
old long wide tall high deep thick away left remaining more fewer
additional extra different distinct possible new full whole
positive real complex even odd prime proper ordered such
red blue green yellow white black brown pink purple orange small large big
""".split()
)

OBJECTS = frozenset(
  """
arrangements asymptotes chords coefficients colorings committees curves
diagonals divisors edges equations expressions factorizations factors functions
inequalities matrices multiples outcomes partitions paths permutations polygons
polynomials quadrilaterals sequences solutions subsets terms
values variables vectors vertices
""".split()
)

SYMBOLS = frozenset("m s g h L l J N V W A K C F".split())

COUNT_NOUNS = frozenset(
  """
water milk bread food gas candy flour soda sugar coffee fruit paper pizza paint
lemonade meat chocolate juice fabric beef gum ice cheese rice tea butter popcorn
sand rain clothing cereal oil fuel gasoline ribbon corn mail soup fish material
salt rope firewood liquid wood coal fertilizer gravel laundry concrete yarn snow
honey soil straw work sleep cake pie chicken money
people persons men women children child person man woman grandchildren
freshmen mice mouse geese goose fish goldfish sheep deer teeth tooth dice die
accidents acorns actors adults airplanes albums alligators animals answers
antacids ants apartments appetizers apples apps aprons aquariums arms
arrangements articles artifacts artworks athletes attendees avocados awards
babies badges bagels bags baguettes bales balloons balls bananas bandages
barrels bars baseballs basketballs baskets batches bathrooms baths bats
battalions batteries beads beakers beans bears bedbugs bedrooms beds bees
beetles beignets belts benches berries bicycles bikes billboards bills binders
birdhouses birds biscuits blankets blisters blocks blossoms blouses
blueberries boards boats bolts bones bonnets bookcases books bottles bouquets
bowlfuls bowls boxcars boxes boys bracelets branches breads bricks brochures
brothers brownies bubbles buckets bugs builders buildings bulbs bulls bunches
bundles bunnies burgers burritos buses bushes businesses butterfingers
butterflies buttons buyers cabinets cages cakes calls campers candies candles
cans cantaloupes caps capsules cardinals cards carnations carpenters carpets
carriages carrots cars cartons cases caterpillars cats cavities ceilings
chairs channels chapters characters charges charts checks cheerleaders
cheesecakes chefs cherries chickens chicks chihuahuas chimichangas chips
chives chocolates chores circles cities citizens claims clarinets classes
classmates classrooms clerks clients clips clothes clouds clovers cloves
clusters coaches coats coconuts coffees coins collectors colors columns
combinations comics complaints computers consonants contacts containers
convertibles cookies coolers copies counselors counters countries coupons
courses cousins cows crabs crackers cranberries craters crates crayons credits
crickets croissants crops crows cucumbers cupcakes cups curlers customers
daisies dandelions daughters decks decorations delegates demerits democrats
desks desserts devices diapers diaries digits dinners dishes dives doctors
dogs dolls dolphins dominoes donations donuts doors dots doughnuts downloads
dragons drawings dresses drinks driveways dromedaries drops drums ducklings
ducks dumplings dvds earrings ears eggplants eggs elements elephants elves
emails employees enemies engines entrees envelopes episodes erasers errors
exams eyes fairies families fans feathers females fences ferns fights
figurines files fingers firecrackers fireflies fires fireworks fishes flags
flamingoes flats flavors fleas flies flights floors flowers flyers folders
followers footprints forks forms friends fries frogs fruits galleries games
geckos gems gemstones geraniums gifts gingerbreads giraffes girls glasses
goals goats grains grapes grasshoppers groups guests guitars gumballs guns
guppies haircuts hairs halls hamburgers handbags hands handshakes hatchlings
hats heads hens highlighters hikes hits hives holes homes honeydews hoodies
hops horses hospitals hotdogs houses hushpuppies hybrids individuals
ingredients insects instances instructions integers intersections iphones
ipods islands issues items jackets jars jays jeans jellybeans jerseys jewels
jobs joggers jokes judges juices jumps juniors kangaroos kernels keys kids
kindergartners kinds kitchens kittens knives knockouts knots koalas ladders
ladies ladybugs lambs lamps laps laptops lattes lawns layers leaves legos legs
lemons lengths leopards lessons letters levels lights lilies limbs lines lions
lives lizards llamas loads loaves lollipops loops macarons macaroons machines
magazines maggots magnets males mangoes mangos marbles marigolds markers marks
marshmallows mascots masks matches matchsticks meals meatballs medals melons
members messages milkshakes minnows mirrors mistakes models monitors monkeys
monsters mosquitoes motorcycles mountains movies muffins mugs mushrooms
musicians nails napkins necklaces neighbors nephews newborns newspapers nieces
nights noodles notebooks notes novels numbers nurses nuts objects olives
omelets onions oranges orchids orders oreos outfits outsiders oysters packages
packets packs pages pails paintings pallets pamphlets pancakes pandas panels
pans pants papayas paperclips papers paragraphs parents parrots parsnips
participants parties parts passengers passes pastries patches patients patrons
peaches peanuts pears pebbles pelicans pencils penguins pens peppers periods
permits petals pets petunias phones photographs photos pictures pieces pies
pigeons piglets pigs piles pillows pills pineapples pinecones pins pistachios
pixels pizzas planks planters plants plates players playlists plays plugs
plums pockets pointers points pollywogs pomegranates pomelos poodles pools
pops popsicles porcupines portions portraits postcards posters potatoes pots
presents pretzels problems products pumpkins pumps punches pupils puppies pups
purses pushups puzzles questions quilts quizzes rabbits raccoons racers
racquets radishes raisins raspberries rats reams recipes records recoveries
rectangles reports representatives reps republicans restaurants rhinestones
rhinos ribbons riddles rides ridges rings robins rocks rodents rolls roommates
rooms roosters roses rotations rounds rows rungs sacks salads sandwiches
saplings sapphires sausages scarves schnauzers schools scientists scoops
screens screws seagulls seashells seasons seats sections sectors seedlings
seeds segments semesters seniors sentences sequins servings sessions sets
shares sharks sheets shells shelves shingles shirts shoeboxes shoes shorts
shots showers siblings sides signatures singers sisters sites situps skeins
skirts sleeves slices snacks snails snakes snowballs snowflakes socks sodas
soldiers songs sonnets sons souvenirs spaces sparklers spears species spiders
spokes spools spoons spots sprigs squats squirrels stacks stairs stamps
staplers stars statues steaks stems steps stickers sticks stitches stones
stoplights stops stores stories strands strawberries straws streetlights
streets strikers strings stripes students stuffies subjects subscribers
suckers suitcases suits sundaes sunflowers supplies surfers surveys swans
sweaters sweets tables tabs tadpoles tails tangerines tanks tarantulas tasks
tattoos teachers teacups tears televisions tents tests textbooks texts things
thorns tickets ties tigers tiles tins tires tissues toads toddlers toenails
toes tokens tomatoes tools toothbrushes toothpicks toppings touchdowns
tourists towels towers toys tractors trains trays treasures treats trees
triangles tricycles trips trolls trucks trumpets tubes tubs tulips tunas
turkeys turtles twigs types unicorns vacations vaccines vampires vans
vegetables vehicles vessels vibrations videos vines violins visitors visits
vlogs volunteers voters votes waiters walls walnuts washers watches
watermelons ways weasels websites weeds whales wheels whiskers whistlers
widgets windows wings wins wipes wolves words workers worms yarns yogurts
yolks zebras zits zombies
""".split()
)
