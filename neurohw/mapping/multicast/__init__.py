"""Multicast routing: keys for slices, trees for nets, tables for chips, and where packets then go."""

from neurohw.mapping.multicast.build import build
from neurohw.mapping.multicast.defaults import default_routed, without_defaults
from neurohw.mapping.multicast.deliver import Delivery, deliver
from neurohw.mapping.multicast.deliver_all import Deliveries, deliver_all, with_arrivals
from neurohw.mapping.multicast.grid import HEXAGONAL, Grid
from neurohw.mapping.multicast.keys import allocate_keys
from neurohw.mapping.multicast.minimise import minimise, minimise_all
from neurohw.mapping.multicast.nets import Nets
from neurohw.mapping.multicast.route import Trees, route, route_all
from neurohw.mapping.multicast.table import Table, Tables

__all__ = [
    "HEXAGONAL",
    "Deliveries",
    "Delivery",
    "Grid",
    "Nets",
    "Table",
    "Tables",
    "Trees",
    "allocate_keys",
    "build",
    "default_routed",
    "deliver",
    "deliver_all",
    "minimise",
    "minimise_all",
    "route",
    "route_all",
    "with_arrivals",
    "without_defaults",
]
