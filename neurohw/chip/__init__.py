"""Chip profiles: find, load, validate."""

from neurohw.chip.find import list_chips as list_chips
from neurohw.chip.find import profile_folder as profile_folder
from neurohw.chip.load import load_chip as load_chip
from neurohw.chip.load import parse_chip as parse_chip
from neurohw.chip.model import Chip as Chip
