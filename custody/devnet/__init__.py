"""Local chains: real nodes where a package has one, otherwise a virtual machine or a labelled simulator."""
