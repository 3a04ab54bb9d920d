//! What other tools need, in microseconds, on two cores of Zen 4, and the workloads that are measured: the best of all tools.

/// The least time of any tool for a workload. Closed forms do not count.
pub struct Peer {
    pub name: &'static str,
    pub objective: Option<f64>,
    pub derivative: f64,
    /// The tool with the fastest derivative.
    pub by: &'static str,
}

/// A search that has no objective of its own.
const fn whole(name: &'static str, derivative: f64, by: &'static str) -> Peer {
    Peer { name, objective: None, derivative, by }
}

const fn peer(name: &'static str, objective: f64, derivative: f64, by: &'static str) -> Peer {
    Peer { name, objective: Some(objective), derivative, by }
}

/// GradBench: by hand in C++, Enzyme, Tapenade, CoDiPack, Adept, CppAD, PyTorch.
pub const GRADBENCH: &[Peer] = &[
    peer("gmm d=2 k=5", 65.0, 141.0, "manual"),
    peer("gmm d=2 k=25", 260.0, 608.0, "manual"),
    peer("gmm d=10 k=5", 346.0, 759.0, "manual"),
    peer("gmm d=10 k=25", 1440.0, 3630.0, "manual"),
    peer("gmm d=32 k=25", 6040.0, 17800.0, "manual"),
    peer("lstm l=2 c=1024", 1280.0, 3880.0, "CoDiPack"),
    peer("lstm l=4 c=1024", 2520.0, 7390.0, "CoDiPack"),
    peer("ba1", 839.0, 5840.0, "manual"),
    peer("ht hand1", 96.0, 486.0, "manual"),
    peer("kmeans k=10", 236.0, 318.0, "manual"),
    peer("kmeans k=100", 2210.0, 3020.0, "manual"),
    peer("llsq n=1024", 101.0, 137.0, "Enzyme"),
    peer("llsq n=16392", 1620.0, 2590.0, "Enzyme"),
    peer("lse n=10000", 28.0, 57.0, "manual"),
    peer("lse n=160000", 346.0, 923.0, "manual"),
    peer("ode n=1000 s=10", 12.0, 206.0, "Enzyme"),
    peer("ode n=1000 s=100", 124.0, 2100.0, "Enzyme"),
    peer("ode n=30000 s=10", 1050.0, 7860.0, "CoDiPack"),
    peer("det ell=7", 37.0, 115.0, "CoDiPack"),
    peer("det ell=9", 2770.0, 27100.0, "manual"),
    whole("particle rr", 6860.0, "finite"),
    whole("particle ff", 751.0, "Enzyme"),
    whole("particle fr", 2700.0, "Enzyme"),
    whole("particle rf", 5030.0, "Enzyme"),
    whole("saddle rr", 4870.0, "Enzyme"),
    whole("saddle ff", 1600.0, "Enzyme"),
    whole("saddle fr", 1570.0, "Enzyme"),
    whole("saddle rf", 4830.0, "Enzyme"),
];

/// ADBench: by hand in C++, with and without Eigen, Tapenade, Enzyme, Clad.
pub const ADBENCH: &[Peer] = &[
    peer("gmm/1k/gmm_d2_K5.txt", 58.8, 142.0, "Manual"),
    peer("gmm/1k/gmm_d2_K200.txt", 1320.0, 4960.0, "Manual"),
    peer("gmm/1k/gmm_d10_K25.txt", 988.0, 2800.0, "Manual"),
    peer("gmm/1k/gmm_d20_K50.txt", 5760.0, 12800.0, "ManualEigen"),
    peer("gmm/1k/gmm_d32_K50.txt", 11700.0, 21700.0, "ManualEigen"),
    peer("gmm/1k/gmm_d64_K25.txt", 14800.0, 37700.0, "ManualEigen"),
    peer("gmm/1k/gmm_d128_K5.txt", 7480.0, 24100.0, "Tapenade"),
    peer("gmm/10k/gmm_d10_K25.txt", 10200.0, 28300.0, "Manual"),
    peer("gmm/10k/gmm_d32_K25.txt", 60400.0, 107000.0, "ManualEigen"),
    peer("ba/ba1_n49_m7776_p31843.txt", 736.0, 3550.0, "Manual"),
    peer("ba/ba3_n161_m48126_p182072.txt", 4300.0, 20600.0, "Manual"),
    peer("ba/ba7_n93_m61203_p287451.txt", 6840.0, 32500.0, "Manual"),
    peer("ba/ba10_n1197_m126327_p563734.txt", 13700.0, 64400.0, "Manual"),
    peer("hand/simple_small/hand1_t26_c100.txt", 43.2, 226.0, "ManualEigen"),
    peer("hand/simple_small/hand5_t26_c800.txt", 44.3, 253.0, "ManualEigen"),
    peer("hand/simple_small/hand8_t26_c6400.txt", 50.7, 465.0, "ManualEigen"),
    peer("hand/simple_big/hand1_t26_c100.txt", 1990.0, 9840.0, "Manual"),
    peer("hand/simple_big/hand5_t26_c800.txt", 2030.0, 10800.0, "Manual"),
    peer("hand/complicated_small/hand1_t26_c100.txt", 43.7, 234.0, "ManualEigen"),
    peer("hand/complicated_small/hand5_t26_c800.txt", 45.8, 287.0, "ManualEigen"),
    peer("hand/complicated_small/hand7_t26_c3200.txt", 51.9, 485.0, "ManualEigen"),
    peer("hand/complicated_big/hand1_t26_c100.txt", 2160.0, 10300.0, "Manual"),
    peer("hand/complicated_big/hand5_t26_c800.txt", 2120.0, 10500.0, "Manual"),
    peer("lstm/lstm_l2_c1024.txt", 488.0, 2640.0, "Tapenade"),
    peer("lstm/lstm_l4_c1024.txt", 896.0, 5060.0, "Tapenade"),
    peer("lstm/lstm_l4_c4096.txt", 3640.0, 21300.0, "Tapenade"),
];
