"""What the contests share: pictures, the model, environments, processes, figures."""
