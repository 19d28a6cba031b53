"""The programs of an exported folder: onnxruntime, NumPy and soundfile, no torch.

saxsolo/publishing/onnx_export.py copies them beside the graphs.
"""
