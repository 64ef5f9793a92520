"""Workers: what calls ``advance`` for as long as a process lives, in one process or in several."""
