package analyze

var linearKinds = []kind{}
