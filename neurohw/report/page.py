"""One run as one HTML page: no file beside it, nothing loaded, no script, nothing simulated."""

from __future__ import annotations

from neurohw.compare import Comparison
from neurohw.fixed import FixedPointNetwork
from neurohw.network import Inputs, Network
from neurohw.recording import Recording
from neurohw.report import drawings, sections
from neurohw.report.html import document, esc, section
from neurohw.report.material import Material, material
from neurohw.report.summary import span, summary


def run_page(
    *,
    network: Network,
    fixed: FixedPointNetwork,
    inputs: Inputs,
    reference: Recording | None,
    chip: Recording,
    comparison: Comparison | None,
    fine: Recording | None = None,
    fine_comparison: Comparison | None = None,
    title: str = "",
    command: str = "",
) -> str:
    """The page of one run, as text.

    ``chip`` holds register codes as ``emulate`` gives them, ``reference`` the float simulation at
    the network's time step (None: the chip alone) and ``comparison`` is from it to the chip.
    ``fine`` is a reference with smaller steps and ``fine_comparison`` is from it to ``reference``:
    with them the page tells the cost of the time step from that of the integers. Comparisons that
    are None are made here. ``command`` is shown as what made the run.
    """
    m = material(
        network=network, fixed=fixed, inputs=inputs, reference=reference, chip=chip,
        comparison=comparison, fine=fine, fine_comparison=fine_comparison, title=title,
        command=command,
    )  # fmt: skip
    parts = [
        ("summary", "Summary", (summary(m),)),
        ("causes", "Time step or integers", (drawings.error_bars(m), sections.causes_table(m))),
        ("spikes", "Spikes", (drawings.rasters(m), drawings.agreement(m),
                              sections.comparison_tables(m.comparison))),
        ("decisions", "Decisions", (drawings.confusion(m),)),
        ("traces", "Membranes", (drawings.traces(m), sections.trace_table(m.comparison))),
        ("weights", "Weights", (drawings.weights(m),)),
        ("quantisation", "Quantisation", (sections.quantisation_tables(m),)),
        ("headroom", "Headroom and overflow", (sections.headroom_table(m),)),
        ("cost", "Cost", (drawings.operations(m), sections.cost_tables(m))),
        ("equations", "What the chip computes", (sections.equations(m),)),
        ("provenance", "Provenance", (sections.provenance(m),)),
    ]  # fmt: skip
    written = [(name, text, section(name, text, *body)) for name, text, body in parts]
    return document(m.title, _header(m), written)


def _header(m: Material) -> str:
    net, chip = m.network, m.fixed.chip
    layers = len(m.fixed.populations)
    facts = [
        ("network", f"{net.name}: {m.fixed.neurons:,} neurons in {layers} "
         f"population{'s'[: layers > 1]}, {m.fixed.synapses:,} synapses, step {span(net.dt)}, "
         f"integrator {net.integrator}"),
        ("chip", chip.title),
        ("claim", f"{chip.oracle.claim} (oracle: {chip.oracle.name})"),
        ("run", f"{m.chip.trials:,} trial{'s'[: m.chip.trials > 1]} of {m.chip.steps:,} steps, "
         f"{span(m.chip.duration)} each"),
    ]  # fmt: skip
    return f"<h1>{esc(m.title)}</h1>\n{sections.facts_list(facts)}"
