INSERT INTO tasks (title) VALUES ('read the manual');
