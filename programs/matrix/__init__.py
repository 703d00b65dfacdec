"""Puts what Alertmanager tells into a room of Matrix.

    coop-matrix SETTINGS SECRETS

SETTINGS: address and port to listen at. SECRETS: programs.shared.messages.Matrix, with its
token, or null for no room.
"""
