"""What a node does again and again in the background: let its log be cosigned, keep what its peers may need again."""
