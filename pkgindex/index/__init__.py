"""The Simple API as a WSGI application of its own, in front of Django."""


def mount_index(django):
    return django
