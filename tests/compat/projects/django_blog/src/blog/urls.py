from django.urls import path

from . import views

urlpatterns = [
    path("", views.index),
    path("setup", views.setup),
    path("posts", views.posts),
    path("posts/<int:number>", views.post),
    path("stats", views.stats),
    path("fail", views.fail),
]
