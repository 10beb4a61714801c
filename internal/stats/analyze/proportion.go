package analyze

var proportionKinds = []kind{}
