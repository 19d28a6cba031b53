"""What the Hub starts. On other machines `saxsolo app` does the same, with a few options."""

try:
    # ZeroGPU wants it imported before torch
    import spaces  # noqa: F401
except ImportError:
    pass

from saxsolo.page.server import launch

if __name__ == "__main__":
    launch()
