"""The consortium key of this node: made here, or joined by another lab's invite."""
