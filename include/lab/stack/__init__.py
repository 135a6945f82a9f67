"""The local stack: what `./ops` sets up, starts, watches and stops on one machine."""
