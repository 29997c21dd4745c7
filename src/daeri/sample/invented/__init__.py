"""Where 한빛상사 comes from: facts to draw from, and one file for each part that is drawn. Not part of the example."""
