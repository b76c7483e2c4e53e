GREETING = "index says"
