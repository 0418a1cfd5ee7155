"""Many clients that submit small jobs, and what bounds how soon they are answered."""
