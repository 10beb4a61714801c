package analyze

var imputationKinds = []kind{}
