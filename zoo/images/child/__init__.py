"""The sandbox's child: decodes untrusted bytes with Pillow, able to do nothing else."""
