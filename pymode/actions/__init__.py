"""How an action is carried out: judged, held back, approved, recorded, and then sent or called."""
