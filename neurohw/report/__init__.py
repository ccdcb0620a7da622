"""Figures, and one self-contained HTML page per run. Shows results; runs no simulation."""

from neurohw.report.bars import confusion as confusion
from neurohw.report.bars import error_bars as error_bars
from neurohw.report.bars import synaptic_operations as synaptic_operations
from neurohw.report.bars import weight_histograms as weight_histograms
from neurohw.report.figures import agreement as agreement
from neurohw.report.figures import raster as raster
from neurohw.report.figures import traces as traces
from neurohw.report.page import run_page as run_page
