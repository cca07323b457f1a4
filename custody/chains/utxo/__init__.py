"""The UTXO family: Bitcoin today, Litecoin and Dogecoin as further rows."""
