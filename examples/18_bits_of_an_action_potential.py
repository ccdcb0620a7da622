"""How many bits does an action potential need? Hodgkin-Huxley by tables, in words of 10 to 30 bits."""

from pathlib import Path

import neurohw as nh
from neurohw.biophysics.fixed_figure import word_length_figure
from neurohw.biophysics.fixed_words import PARTS, word_lengths
from neurohw.report.style import png

chip = nh.load_chip("biophysical")
found = word_lengths(chip)  # eight currents, 50 ms; the same scheme in float64 beside them

print("words of N bits: sign, 7 bits of mV, N - 8 behind the point; gates are fractions of N bits")
print("bits   last spike off (ms)   first spike off (mV)   worst of 8; inf: it is missing")
for bits, late, shape in zip(found.bits, found.late[0], found.misshapen[0], strict=True):
    print(f"{bits:4d} {late:21.4f} {shape:22.4f}")

for part, late, shape in zip(PARTS, found.late, found.misshapen, strict=True):
    times, spike = found.needed(0.1, late), found.needed(1.0, shape)
    print(f"{part}: {times} bits for 0.1 ms over 50 ms, {spike} for the spike's shape within 1 mV")
word = found.needed(0.1, found.late[0])
print(f"the answer: {word - 8} fraction bits of a mV for the times; s16.15 has 15")
print(f"tables of 0.5 mV cost {found.late[0, -1]:.3f} ms, the time step {found.time_step:.3f} ms")

Path("out").mkdir(exist_ok=True)
Path("out/bits_of_an_action_potential.png").write_bytes(png(word_length_figure(found))[0])
print("figure: out/bits_of_an_action_potential.png")
