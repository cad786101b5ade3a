-- What providers have verified of a person, as JSON: provider, when, standard claims; NULL: nobody has verified anything.
ALTER TABLE users ADD COLUMN verified TEXT;
