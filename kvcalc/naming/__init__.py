"""What people paste for a model, and which bundled file it means, or where on a disk it stands."""
