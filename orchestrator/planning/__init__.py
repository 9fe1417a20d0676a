"""From a recipe to the plan of every stage: pure, nothing is executed here."""
