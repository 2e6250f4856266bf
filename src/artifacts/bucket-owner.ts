// A bucket belongs to one installation: the object `owner` has its id. A restored copy of the database lists the objects
// of the original too, and must not remove them.

export interface OwnerObject {
  /** The text of the object; undefined when it does not exist. */
  read(): Promise<string | undefined>
  /** Creates the object, unless it exists. */
  create(text: string): Promise<void>
}

export const ownerName = 'owner'

/** Makes the installation the owner of a bucket that has none. Resolves with true when it is the owner. */
export async function ownBucket(object: OwnerObject, installation: string): Promise<boolean> {
  let owner = await object.read()
  if (owner === undefined) {
    await object.create(installation)
    owner = await object.read()
  }
  return owner === installation
}
