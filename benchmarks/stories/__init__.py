"""One file a story: a module with `CASES`; a dash in a story's name is an underscore in its file's."""
