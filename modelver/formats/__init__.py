"""Weight-file headers to tensors, without a framework, from untrusted bytes."""
