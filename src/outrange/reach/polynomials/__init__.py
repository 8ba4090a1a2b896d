"""Taylor models: polynomials in the initial variables and in time, with bounds on the error."""
