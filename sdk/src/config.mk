# Sources of this part of the SDK.
