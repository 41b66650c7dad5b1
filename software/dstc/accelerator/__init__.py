"""The accelerator as software sees it: parameters, memory layouts, registers, programs."""
