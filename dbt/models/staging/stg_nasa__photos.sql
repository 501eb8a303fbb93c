{{ photos_of() }}
