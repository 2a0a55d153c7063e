"""Machine code for products on CPUs, made by LLVM and called by XLA."""
