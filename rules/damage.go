package rules

// DamagedPoint is the StatusMessage of a recovery point that a verification found damaged. Its status stays what it is: AWS has
// none for that, and a restore may still bring back what is sound.
const DamagedPoint = "The recovery point is damaged: some of what it holds cannot be read from its vault. " +
	"Use another recovery point or a copy; strongroom admin verify --repair mends it out of one."
