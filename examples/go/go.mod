module jeton.example

go 1.24
