"""The programs of an exported folder: onnxruntime, NumPy, soundfile and soxr, no torch.

saxsolo/publishing/runtime_files.py makes a package of them, `saxsolo_runtime`.
"""
