"""From runs to studies, estimates and sentences."""
