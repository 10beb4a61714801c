package analyze

var survivalKinds = []kind{}
