"""What others published, each with where it stands.  Nothing here is ours."""

__all__ = ["FIGURE_21", "HEADLINES", "IM2COL_SLOWER", "OVERHEAD", "SOURCES", "SPARSELOOP",
           "SPARSELOOP_LAYERS", "UNI_STC_AVERAGES"]

SOURCES = {
    "isca": "Wang and others, Dual-side Sparse Tensor Core, ISCA 2021",
    "digitised": "figure 21 of Wang and others, ISCA 2021, as digitised in the artefact of Wu and "
                 "others, Sparseloop, MICRO 2022 (fig13 baseline.yaml); its unit is not stated, so "
                 "points are relative to the dense one",
    "sparseloop": "artefact of Wu and others, Sparseloop, MICRO 2022 (fig15), its own model of the "
                  "machine",
    "uni-stc": "Lian and others, Uni-STC, HPCA 2026, section VI-C and figure 16",
    "readers": "readers' notes on Wang and others, ISCA 2021; the paper's own table was not at "
               "hand",
}

FIGURE_21 = {
    (1.0, 1.0): 4600, (0.9, 1.0): 4160, (0.7, 1.0): 3300, (0.5, 1.0): 2690, (0.3, 1.0): 1930,
    (1.0, 0.4): 2500, (0.9, 0.4): 2300, (0.7, 0.4): 1820, (0.5, 0.4): 1480, (0.3, 0.4): 1100}
"""Time of a product of 4096 x 4096 x 4096 by the densities of A and B; A is the 8-wide side."""

SPARSELOOP_LAYERS = ((128, 1152, 1024, 0.44), (512, 1024, 256, 0.27), (512, 128, 1024, 0.56),
                     (512, 256, 1024, 0.82))
"""M, K, N and the density of the inputs of four layers of ResNet-50 as matrix products."""

SPARSELOOP = {1.0: (78059, 48875, 45340, 131072), 0.5: (51197, 35482, 30226, 78640),
              0.333: (41823, 32294, 25852, 69102), 0.25: (37083, 28699, 17980, 44257)}
"""Cycles of these layers by the density of the weights, on four arrays of 16 x 16."""

UNI_STC_AVERAGES = {"dense": 2.89, "outer-16": 1.89, "rm-stc": 1.39, "sigma": 1.73}
"""How many times better Uni-STC uses its multipliers, over random 8192 x 8192 matrices with A 0, 50
and 80 % zero and B 10 to 90 %."""

OVERHEAD = {"area": 0.015, "power": 0.016}
"""Share of the whole GPU, V100 class, that the machine adds."""

IM2COL_SLOWER = (10.0, 100.0)
"""Times that an implicit im2col on a sparse (CSR) feature map takes longer than on a dense one."""

HEADLINES = {
    "break_even_zeros": 0.25,
    "most": 10.0}
"""Zeros from which on the machine beats the dense library, and the order of the largest speedup."""
