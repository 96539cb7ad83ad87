"""Who a node is: keys, certificates and the files that carry them."""
