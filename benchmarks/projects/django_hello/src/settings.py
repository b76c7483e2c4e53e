ALLOWED_HOSTS = ["*"]
SECRET_KEY = "of a benchmark"
ROOT_URLCONF = "urls"
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
LOGGING_CONFIG = None
