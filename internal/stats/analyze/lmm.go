package analyze

var lmmKinds = []kind{}
