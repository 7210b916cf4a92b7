"""Who the customers are, what is sold, and what each may do. Nothing of Stripe, files, tickets."""

from licenses.models.acts import OwnerAct
from licenses.models.catalog import Product, Tier
from licenses.models.credentials import Credential, CredentialNetwork, Diagnosis, LeakReport
from licenses.models.keys import RevokedKeys, SigningKey
from licenses.models.leases import Lease, LeaseHour, LeasePool
from licenses.models.news import NewsReader
from licenses.models.people import Contact, Customer, EmailChange, User, normalize_email
from licenses.models.rights import Generation, License, LicenseEvent

__all__ = [
    "Contact",
    "Credential",
    "CredentialNetwork",
    "Customer",
    "Diagnosis",
    "EmailChange",
    "Generation",
    "LeakReport",
    "Lease",
    "LeaseHour",
    "LeasePool",
    "License",
    "LicenseEvent",
    "NewsReader",
    "OwnerAct",
    "Product",
    "RevokedKeys",
    "SigningKey",
    "Tier",
    "User",
    "normalize_email",
]
