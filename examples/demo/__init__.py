"""Two labs here: made-up lists (`data`), the overlap in the clear (`clear`), two nodes (`run`)."""
