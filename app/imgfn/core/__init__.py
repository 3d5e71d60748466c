"""What things are: no room here knows a library of pictures, stores or HTTP."""
